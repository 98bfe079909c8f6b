"""The versions a run keeps."""

from segcore.runs.environment import versions


def test_versions_name_what_matters():
    assert set(versions()) == {"python", "torch", "numpy", "scikit-image", "lightning-fabric"}
    assert "not installed by name" not in versions().values()
