"""Trains and honestly evaluates a U-Net that tells cell interior from membrane in electron micrographs."""

__version__ = "0.1.0"
