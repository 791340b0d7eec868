"""Sentence and topic segmentation for spaCy. Importing this module does not import torch."""

__version__ = "0.1.0"
