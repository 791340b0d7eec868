"""`python -m spacy segment-benchmark`: its commands are in modules of their own."""

import typer
from spacy.cli._util import app

benchmark_app = typer.Typer(help="Compare our models with other installed ones on the same texts", no_args_is_help=True)
app.add_typer(benchmark_app, name="segment-benchmark")
