"""Reading of tables into columns that scores compare."""
