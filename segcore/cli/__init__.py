"""The command line: what can be asked for, and how the answer is printed.

In: arguments. Out: text or JSON. May use every room."""

from segcore.cli.grammar import main

__all__ = ["main"]
