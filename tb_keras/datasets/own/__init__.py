"""Your own data: tables of pictures and texts, arrays of features, folders of pictures."""
