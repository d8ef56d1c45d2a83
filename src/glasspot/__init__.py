"""glasspot: from targets to a validated interatomic potential for a glass.

Nothing heavy is imported here, so that ``glasspot --help`` stays fast; import what you need from the submodules.
"""

__version__ = "0.1.0"
