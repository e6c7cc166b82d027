"""Many jobs on many workers: who does which job next, what becomes of one whose worker dies, and workers on Ray.

Must not know: what a job is about, or how a terminal looks. Its `ray_` modules are the only ones that import ray.
"""
