"""What `evokd check` tells: facts about a domain, findings about it, what a run would cost; nothing enters a run.

Must not know: how a run is driven, or its record. It asks the student's process and, if it is told to, the teacher.
"""
