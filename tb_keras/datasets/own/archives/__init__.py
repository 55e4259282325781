"""Tables that hold their pictures: tar archives and Parquet files."""
