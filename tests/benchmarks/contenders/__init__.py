"""Who takes part: one module each, with one function for each job that it can do.

A function of a Python contender is given the job, gets ready (imports, connections) and returns
the work, which is what is timed, and whose result is checked. A program's returns its command
line. ``NEEDS`` names the distributions without which a contender is left out, ``PROGRAM`` the
program, ``CANNOT`` says why it has no function for a job.
"""
