"""What counts as other code, and what does not."""

import pytest

from age import code_digest

SOURCES = {
    "age/__init__.py": '"""The domain."""\n',
    "age/model/__init__.py": "",
    "age/model/training.py": '''"""Trains."""

from age.model import settings
from age.model.loss import loss


def train(epochs: int = 3):
    """Trains for some epochs."""
    from age.model.export import export

    export(loss(settings.RATE) * epochs)
''',
    "age/model/settings.py": 'RATE = 0.1\n"""How fast."""\n',
    "age/model/loss.py": "from schemas.bad_input import BadInput\n\n\ndef loss(rate):\n    if rate < 0: raise BadInput\n    return rate\n",
    "age/model/export.py": "def export(value): print(value)\n",
    "age/model/unused.py": "import tensorflow\n",
    "schemas/__init__.py": "",
    "schemas/bad_input.py": "class BadInput(Exception): pass\n",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project; `digest` reads it anew."""
    root = tmp_path / "project"
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(code_digest, "_ROOT", root)
    return root


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    def forget():
        code_digest.of.cache_clear()
        code_digest._read.cache_clear()

    monkeypatch.setattr(code_digest, "_memory", code_digest._Memory())
    forget()
    yield
    forget()


def digest(*modules, **options):
    code_digest.of.cache_clear()
    code_digest._read.cache_clear()
    return code_digest.of(*(modules or ["age.model.training"]), **options)


def test_every_module_that_is_imported_from_the_project_is_behind_one(project):
    assert code_digest.modules_behind("age.model.training") == [
        "age", "age.model", "age.model.export", "age.model.loss", "age.model.settings", "age.model.training",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("age/model/settings.py", "0.1", "0.2"),
        ("age/model/loss.py", "rate < 0", "rate <= 0"),
        ("age/model/export.py", "print(value)", "print(value, value)"),
        ("age/model/training.py", "epochs: int = 3", "epochs: int = 4"),
        ("age/model/__init__.py", "", "import os\n"),
    ],
)
def test_other_code_is_another_digest(project, file, old, new):
    before = digest()
    source = (project / file).read_text()
    (project / file).write_text(source.replace(old, new, 1))

    assert digest() != before


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("age/model/training.py", "    export(", "    # Why it is so.\n    export("),
        ("age/model/training.py", '"""Trains for some epochs."""', '"""Trains for a number of epochs."""'),
        ("age/model/training.py", '    """Trains for some epochs."""\n', ""),
        ("age/model/training.py", "loss(settings.RATE) * epochs", "(\n        loss(settings.RATE)\n        * epochs\n    )"),
        ("age/model/settings.py", "How fast.", "How fast it learns."),
        ("age/model/unused.py", "tensorflow", "keras"),
        ("schemas/bad_input.py", "pass", "exit_status = 2"),
    ],
    ids=["comment", "docstring", "no docstring", "format", "text beside a value", "not imported", "failure"],
)
def test_what_changes_nothing_is_the_same_digest(project, file, old, new):
    before = digest()
    source = (project / file).read_text()
    assert old in source
    (project / file).write_text(source.replace(old, new, 1))

    assert digest() == before


def test_what_only_type_checkers_import_is_not_behind(project):
    source = (project / "age/model/settings.py").read_text()
    (project / "age/model/settings.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from age.model import unused\n" + source
    )

    digest()

    assert "age.model.unused" not in code_digest.modules_behind("age.model.training")


def test_versions_of_libraries_count(project):
    assert digest() == digest(libraries=("tensorflow", "keras")) != digest(libraries=("tensorflow",))
    assert digest(libraries=("no-such-library",)) != digest(libraries=())


def test_a_module_that_is_not_there_is_named(project):
    with pytest.raises(ModuleNotFoundError, match="age.modle: there is no such module below"):
        digest("age.modle")


def test_what_was_found_is_remembered_by_content_and_a_broken_memory_is_no_harm(project, tmp_path, monkeypatch):
    memory = tmp_path / "work" / "digests.json"
    code_digest.remember_in(str(memory))
    first = digest()

    parsed = []
    parse = code_digest.ast.parse
    monkeypatch.setattr(code_digest.ast, "parse", lambda content: parsed.append(content) or parse(content))
    monkeypatch.setattr(code_digest, "_memory", code_digest._Memory())
    code_digest.remember_in(str(memory))
    assert digest() == first and parsed == []

    (project / "age/model/settings.py").write_text("RATE = 0.3\n")
    assert digest() != first and parsed == [b"RATE = 0.3\n"]

    memory.write_text('{"a": 3}')
    monkeypatch.setattr(code_digest, "_memory", code_digest._Memory())
    code_digest.remember_in(str(memory))
    (project / "age/model/settings.py").write_text(SOURCES["age/model/settings.py"])
    assert digest() == first


def test_what_does_the_work_of_each_step_is_behind_it():
    trainer = code_digest.modules_behind("components.trainer.executor", "age.model.training")
    evaluator = code_digest.modules_behind("components.age_evaluator.executor")

    assert {"age.model.network", "age.model.augmentation", "age.image_decoding", "age.model.export"} <= set(trainer)
    assert not any(name.startswith(("age.evaluation", "age.reporting", "pipeline")) for name in trainer)
    assert {"age.evaluation.evidence", "age.evaluation.paired_comparison", "age.evaluation.extractors"} <= set(evaluator)
    assert not any(name.startswith(("age.model", "age.reporting", "pipeline")) for name in evaluator)
    assert not code_digest.WITHOUT_RESULTS & {*trainer, *evaluator}
