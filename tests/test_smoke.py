"""The whole project, from data to wheels, on texts of our own: what CI runs."""

import subprocess
import sys

from test_project import ROOT


def test_the_project_runs_and_then_skips_every_step():
    command = [sys.executable, "-m", "spacy", "project", "run", "smoke", ROOT, "--force", "--vars.data", "none"]
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert result.returncode == 0, result.stdout[-4000:]
    assert "all of them skipped the second time" in result.stdout
    assert list((ROOT / "smoke" / "packages").glob("xx_sents_*/dist/*.whl"))
    assert list((ROOT / "smoke" / "packages").glob("en_topics_*/dist/*.whl"))
