"""Regions of pictures: proposals, crops, and their encoder."""
