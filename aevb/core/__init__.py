"""The Python interface of the compiled core, and modules that need only that."""
