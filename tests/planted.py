"""What hostile files are made of, and how it is seen that they did nothing."""

import os
import pickle


class Canary:
    """A pickle that leaves a file behind if it is ever opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def canary(folder, dump=pickle.dumps):
    return dump(Canary(folder / "code_was_run"))


def snapshot(folder):
    return {str(p): p.stat().st_size for p in folder.rglob("*")}
