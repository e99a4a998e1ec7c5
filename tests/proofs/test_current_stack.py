"""The proof of the current stack: when no tree is needed for it."""

import os

import pytest

from proofs import current_stack


@pytest.mark.parametrize(("glibc", "loads"), [("2.36", False), ("2.41", True)])
def test_where_the_current_stack_loads_no_tree_is_needed(monkeypatch, tmp_path, glibc, loads):
    (tmp_path / "getconf").write_text(f"#!/bin/sh\necho 'glibc {glibc}'\n")
    (tmp_path / "getconf").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert current_stack.loads_here() == loads
