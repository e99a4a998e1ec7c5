"""A package whose `__init__` is deferred is the same package as ever, later."""

import importlib
import sys

import pytest

from components import deferred_init


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A package `shop` whose `__init__` gathers names of its modules, one of which asks the package for another."""
    package = tmp_path / "shop"
    (package / "shelves").mkdir(parents=True)
    (package / "__init__.py").write_text("from shop.till import pay\nfrom shop.shelves import fruit\nOPEN = True\n")
    (package / "till.py").write_text("times_run = globals().get('times_run', 0) + 1\ndef pay(): return 'paid'\n")
    (package / "sign.py").write_text("TEXT = 'fruit'\n")
    (package / "shelves" / "__init__.py").write_text("")
    (package / "shelves" / "fruit.py").write_text("import shop\nfrom shop import till\nIMPORTS = []\nIMPORTS.append(shop)\n")
    monkeypatch.syspath_prepend(tmp_path)
    before, finders = set(sys.modules), list(sys.meta_path)
    yield package
    sys.meta_path[:] = finders
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "shop":
            del sys.modules[name]


def test_a_module_that_stands_apart_is_had_without_the_init(shop):
    deferred_init.defer("shop", apart=("sign",))
    from shop import sign

    assert sign.TEXT == "fruit" and "shop.till" not in sys.modules


def test_any_other_module_comes_after_the_init_and_once(shop):
    deferred_init.defer("shop", apart=("sign",))
    fruit = importlib.import_module("shop.shelves.fruit")

    import shop as package

    assert package.OPEN and package.fruit is fruit is sys.modules["shop.shelves.fruit"]
    assert [package] == fruit.IMPORTS and fruit.__spec__.origin.endswith("fruit.py")
    assert importlib.import_module("shop.shelves") is package.shelves


def test_a_name_of_the_package_runs_the_init(shop):
    deferred_init.defer("shop", apart=())
    import shop as package

    assert "shop.till" not in sys.modules
    assert package.pay() == "paid"


def test_all_modules_stand_apart_unless_some_are_named(shop):
    deferred_init.defer("shop")
    from shop.till import pay

    assert pay() == "paid" and "shop.shelves" not in sys.modules


def test_an_init_that_fails_fails_again(shop):
    (shop / "__init__.py").write_text("raise ImportError('no licence')\n")
    deferred_init.defer("shop", apart=())
    import shop as package

    for _ in range(2):
        with pytest.raises(ImportError, match="no licence"):
            _ = package.OPEN
