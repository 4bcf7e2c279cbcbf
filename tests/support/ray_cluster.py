"""A Ray cluster of two machines of one core each, on the loopback device, until stdin ends."""

import sys

from ray.cluster_utils import Cluster

here = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}
cluster = Cluster(initialize_head=True, head_node_args=here)
cluster.add_node(**here)
sys.stdout.write(f"{cluster.address}\n")
sys.stdout.flush()
sys.stdin.read()
cluster.shutdown()
