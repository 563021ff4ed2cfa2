"""Display of a search while it runs and when it ends, on terminals, in logs and on MLflow."""
