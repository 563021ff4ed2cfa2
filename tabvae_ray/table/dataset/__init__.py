"""Tables in several Parquet files, read in parts of bounded memory."""
