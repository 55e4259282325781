"""Pictures wherever they lie: files, members of archives, cells of tables."""
