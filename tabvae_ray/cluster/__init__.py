"""Ray clusters: connections, resources of nodes, checks, versions and credentials."""
