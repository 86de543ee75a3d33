"""Pure: queues, agents, skills, matching. Inputs in, outputs out, no I/O."""
