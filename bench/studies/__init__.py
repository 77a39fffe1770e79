"""What is not requests a second: each study starts what it needs and gives findings. What is not in STUDIES is
not run."""

from bench.studies.study import Study

STUDIES: tuple[Study, ...] = ()
