"""The module with the twin of a family's member."""

import importlib


def twin_module(package, family, name):
    """The module of the member `name`, whose file has "_" for "-". LookupError if there is none."""
    module = f"{package}.{name.replace('-', '_')}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        path = module.replace(".", "/")
        raise LookupError(f"the {family} {name!r} has no twin: want tests/{path}.py") from None
