"""Find date-times that are some time after others."""
