"""``python -m aevb`` runs the ``aevb`` command."""

from aevb.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
