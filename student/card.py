"""The model card of a student: what it is, how it was trained, how others use it."""

from evokd.student.protocol import TrainJob

_OVERLAP = 4
"""A window shares one `_OVERLAP`-th of its sub-words with the next."""


def write_card(job: TrainJob, tune: str, pipeline: str, length: int) -> str:
    """Write the card, as Markdown with a head of YAML.

    Args:
        job: the training.
        tune: what was trained, head or full.
        pipeline: what the model hub calls the task.
        length: sub-words that the student reads at once.
    """
    labels = "\n".join(f"- {label}" for label in job.labels)
    labelled = len(job.examples) - job.unlabelled + len(job.replay)
    self_labelled = f" and {job.unlabelled} that the student had answered itself" if job.unlabelled else ""
    extra = "\n".join(f"## {title}\n\n{text}\n" for title, text in job.card.items())
    return f"""---
library_name: transformers
pipeline_tag: {pipeline}
---
# Student for {job.task}

A small model distilled by EvoKD. It was trained on labelled rows of its domain and on texts that a language model wrote
or labelled, so it carries that model's mistakes and manner; test it on real texts before relying on it.

## Labels

{labels}

## Use

{_write_usage(pipeline, length)}

## Training

Base: {job.settings.base}. Trained: {"output layer only" if tune == "head" else "all weights"}, on {labelled} labelled
texts{self_labelled}, seed {job.seed}. At most {length} sub-words are read at once.

{extra}"""


def _write_usage(pipeline: str, length: int) -> str:
    if pipeline == "token-classification":
        options, call = f', aggregation_strategy="first", stride={length // _OVERLAP}', "find(texts)"
        explanation = (
            'The answer to a word is that of its first sub-word; other strategies than "first" cut words apart or\n'
            "mix in sub-words that were never trained. The pipeline takes the likeliest tag of every word,\n"
            "`evokd predict` takes the likeliest tags that make whole entities, and takes words such as\n"
            "`Holly's` as one. So the two may differ: seldom where the student is sure, often where it learned\n"
            "from few texts. The scores of this program are those of `evokd predict`. "
            f"With `stride`, a text longer than {length} sub-words is read in overlapping windows; without, the rest\n"
            "is not read."
        )
        name = "find"
    else:
        options, call, name = "", "answer(texts, truncation=True)", "answer"
        explanation = f"A text longer than {length} sub-words is cut off, as it was in training."
    return f"""```python
from transformers import pipeline

{name} = pipeline("{pipeline}", model="FOLDER"{options})
{call}
```

{explanation}"""
