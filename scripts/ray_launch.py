"""Runs a program of Deno on the hosts of a Ray cluster: one actor for each rank starts and watches it.

    python scripts/ray_launch.py --nproc 4 [--port 29400] [--address auto] -- deno run -A PROGRAM

Ray has no actors in JavaScript, so that these do nothing but supervise. The ranks get torchrun's
variables. Where one fails, the others are ended, and its exit code is that of this script.
With several hosts, TORCHOPT_SECRET_FILE has to name a file on each of them.
"""

import argparse
import os
import signal
import subprocess
import sys

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy


@ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=2)
class Rank:
    """Starts one rank and waits for its end."""

    def host(self):
        return ray.util.get_node_ip_address()

    def run(self, command, variables, folder):
        self.process = subprocess.Popen(
            command, env={**os.environ, **variables}, cwd=folder, start_new_session=True
        )
        return self.process.wait()

    def end(self):
        process = getattr(self, "process", None)
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nproc", type=int, required=True)
    parser.add_argument("--port", type=int, default=29400)
    parser.add_argument("--address", default=None, help="of a cluster; without it, a local one is started")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    local = {} if args.address else {"num_cpus": args.nproc, "include_dashboard": False}
    ray.init(address=args.address, **local)
    group = placement_group([{"CPU": 1}] * args.nproc, strategy="PACK")
    ray.get(group.ready())
    ranks = [
        Rank.options(scheduling_strategy=PlacementGroupSchedulingStrategy(group, i)).remote()
        for i in range(args.nproc)
    ]
    hosts = ray.get([rank.host.remote() for rank in ranks])
    one_host = len(set(hosts)) == 1
    runs = {}
    for i, rank in enumerate(ranks):
        variables = {
            "RANK": str(i),
            "WORLD_SIZE": str(args.nproc),
            "LOCAL_RANK": str(hosts[:i].count(hosts[i])),
            "LOCAL_WORLD_SIZE": str(hosts.count(hosts[i])),
            "MASTER_ADDR": "127.0.0.1" if one_host else hosts[0],
            "MASTER_PORT": str(args.port),
            "TORCHOPT_JOB": ray.get_runtime_context().get_job_id(),
        }
        runs[rank.run.remote(command, variables, os.getcwd())] = i
    code, waiting = 0, list(runs)
    while waiting:
        done, waiting = ray.wait(waiting, num_returns=1)
        try:
            ended = ray.get(done[0])
        except ray.exceptions.RayError as error:
            print(f"rank {runs[done[0]]}: {type(error).__name__}", file=sys.stderr)
            ended = 1
        if ended != 0 and code == 0:
            code = ended if ended > 0 else 128 - ended
            print(f"rank {runs[done[0]]} ended with code {ended}; all others are ended", file=sys.stderr)
            for rank in ranks:
                rank.end.remote()
    ray.shutdown()
    sys.exit(code)


main()
