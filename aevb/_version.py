"""The version number, read from the metadata of the installed package."""

from importlib.metadata import version

__version__ = version("aevb")
