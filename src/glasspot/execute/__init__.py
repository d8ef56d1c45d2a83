"""Where jobs run: processes of this machine, or the nodes of a cluster, behind ``concurrent.futures``."""
