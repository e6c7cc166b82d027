"""Compare the computed memory of a training with the peak that the system reports, and print what fits where.

python -m benchmarks.memory_check                       # the table of docs/larger-students.md, computed
python -m benchmarks.memory_check --measure 384 768     # also train random BERTs of these hidden sizes on the CPU

Each size is trained in a process of its own: the peak is that of its resident memory, less what was resident before the
model was built.
"""

import argparse
import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from evokd.student.footprint import EncoderShape, compute_need
from evokd.student.student_settings import LoraSettings, StudentSettings

SHAPES = {
    "22 M (MiniLM, 6 layers)": EncoderShape(22_713_216, 30_522, 384, 6, 384, 1536, 12),
    "150 M (ModernBERT base)": EncoderShape(149_014_272, 50_368, 768, 22, 768, 2 * 1152, 12, trains_all_words=True),
    "400 M (ModernBERT large)": EncoderShape(394_781_696, 50_368, 1024, 28, 1024, 2 * 2624, 16, trains_all_words=True),
    "560 M (XLM-R large)": EncoderShape(559_890_432, 250_002, 1024, 24, 1024, 4096, 16),
    "3.5 B (XLM-R XL)": EncoderShape(3_482_490_882, 250_880, 2560, 36, 2560, 10_240, 32),
    "10.7 B (XLM-R XXL)": EncoderShape(10_712_743_938, 250_880, 4096, 48, 4096, 16_384, 32),
}
BATCH, LENGTH = 16, 128
WAYS = {
    "all weights": StudentSettings(),
    "checkpointing": StudentSettings(gradient_checkpointing=True),
    "LoRA, rank 16": StudentSettings(lora=LoraSettings(rank=16)),
    "both": StudentSettings(gradient_checkpointing=True, lora=LoraSettings(rank=16)),
}
GB = 1e9


def print_table() -> None:
    """Print gigabytes of a training in bfloat16, in Markdown."""
    for length in (LENGTH, 512):
        print(f"\nGB with {BATCH} texts of {length} sub-words at once, bfloat16\n")
        print("| student | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS))
        for name, shape in SHAPES.items():
            needs = [compute_need(shape, way, texts=BATCH, length=length, is_bfloat16=True) for way in WAYS.values()]
            print(f"| {name} | " + " | ".join(f"{need.total / GB:.1f}" for need in needs) + " |")


def measure(hidden: int, layers: int, checkpointing: bool) -> tuple[float, float]:
    """Train a random BERT for three steps on the CPU in float32; gives computed and measured gigabytes."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from evokd.student.training.checkpointing import checkpointed

    # What the first products and the optimizer's code take is no memory of the model.
    torch.nn.Linear(8, 8)(torch.ones(8, 8)).sum().backward()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    config: Any = BertConfig(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=12, intermediate_size=4 * hidden
    )
    model: Any = BertForSequenceClassification(config).train()
    shape = _shape_of(model, config)
    settings = StudentSettings(gradient_checkpointing=checkpointing)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    ids = torch.randint(1000, 2000, (BATCH, LENGTH))
    with checkpointed(model, checkpointing):
        for _ in range(3):
            model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.sum().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    need = compute_need(shape, settings, texts=BATCH, length=LENGTH, is_bfloat16=False)
    return need.total / GB, (peak - before) / GB


def _shape_of(model: Any, config: Any) -> EncoderShape:
    count = sum(parameter.numel() for parameter in model.parameters())
    return EncoderShape(
        count,
        config.vocab_size,
        config.hidden_size,
        config.num_hidden_layers,
        config.hidden_size,
        config.intermediate_size,
        config.num_attention_heads,
        trains_all_words=True,  # here the whole table is trained
    )


def main() -> None:
    """Print the table, and measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", type=int, nargs="*", default=[], help="hidden sizes of random BERTs")
    parser.add_argument("--layers", type=int, default=6)
    arguments = parser.parse_args()
    print_table()
    for hidden in arguments.measure:
        for checkpointing in (False, True):
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                computed, found = pool.submit(measure, hidden, arguments.layers, checkpointing).result()
            kind = "checkpointing" if checkpointing else "plain"
            print(f"BERT {arguments.layers} x {hidden}, {kind}: computed {computed:.2f} GB, measured {found:.2f} GB")


if __name__ == "__main__":
    main()
