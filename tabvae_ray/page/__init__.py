"""Pages that contain everything they show: what a report and the page of a comparison share."""
