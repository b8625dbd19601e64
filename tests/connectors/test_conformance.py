"""Every connector that the loader finds keeps the conformance suite."""

from klantbeeld.registry import load_connectors
from klantbeeld.sdk.testing import connector_tests

globals().update({f"Test_{name}": connector_tests(name) for name in load_connectors().manifests})
