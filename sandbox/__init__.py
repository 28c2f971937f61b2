"""Runs untrusted training code: isolates it, limits it, measures it. Knows no model and no git.

The child is a train.py that a language model wrote. What stands around it is the best tier whose
canary passes on this machine (tiers/choose.py). A run never starts under a lesser one unless it
is asked for, and every record names the tier.

    A  bubblewrap.py   namespaces by bubblewrap, Landlock and seccomp behind them; as root a uid
    of its own B  namespaces.py   the same by our own launcher, where bubblewrap is missing C
    landlocked.py   Landlock (ABI 6, Linux 6.12) and seccomp alone, where no namespace is allowed
    M  seatbelt.py     macOS sandbox-exec; written from documentation, not run yet -  plain.py
    a plain process, for --unsafe-no-sandbox: limits, and no wall

Guaranteed in A, B and C: no network, no keys, no file contents but those it was given, no writes
outside its scratch folder, no other process signalled, read or traced, no survivors, a wall
clock, and quotas on memory, processes, disk and output.

Not guaranteed in any tier: bugs of the kernel or a driver are a way out; quotas that are polled
(disk, output, GPU memory, and memory where no control group can be made) are overshot for a
moment.

Not guaranteed in C: other processes and the existence, size and times of files can be seen, and
socket files that the run's uid may connect to can be reached, so it refuses to run where one of
them is known to start programs or use keys. As root the run has a uid of its own. Without root it
has the user's, is counted with the user's processes, and may leave a file in /dev/shm.

Not guaranteed in M: the kill of the tree and memory are best effort.

proof/guarantees.py lists this for the machine at hand, proof/hostile.py attacks it (`autoresearch
doctor --attack`), and NOT_HELD there lists the rows that a tier does not hold.
"""
