"""W8 with torch.distributed.rpc between two processes; prints lines as bench/workloads.ts does."""

import json
import os
import time

import torch
import torch.distributed.rpc as rpc
import torch.multiprocessing as mp


def nothing():
    pass


def echo(x):
    return x


def timed(n, warm, call):
    start = time.perf_counter()
    call()
    first = 1e3 * (time.perf_counter() - start)
    for _ in range(warm):
        call()
    runs = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        runs.append(1e3 * (time.perf_counter() - start))
    return sorted(runs), first


def report(workload, runs, first, check):
    line = dict(peer="torch", workload=workload, metric="ms_per_iter", median=runs[len(runs) // 2],
                min=runs[0], n=len(runs), check=check, first_call_ms=first)
    print(json.dumps(line), flush=True)


def run(rank):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29655")
    torch.set_num_threads(1)
    rpc.init_rpc(f"worker{rank}", rank=rank, world_size=2)
    if rank == 0:
        report("w8_empty", *timed(5000, 1000, lambda: rpc.rpc_sync("worker1", nothing)), [0])
        many = lambda: torch.futures.wait_all([rpc.rpc_async("worker1", nothing) for _ in range(1000)])
        report("w8_1000", *timed(20, 3, many), [1000])
        for name, size, n in (("1kib", 256, 3000), ("16mib", 4 << 20, 60)):
            x = torch.arange(size) % 7 * 1.0
            call = lambda: rpc.rpc_sync("worker1", echo, args=(x,))
            times = timed(n, n // 3, call)
            y = call()
            report(f"w8_{name}", *times, [float(y[13] + y[size - 1])])
    rpc.shutdown()


if __name__ == "__main__":
    mp.spawn(run, nprocs=2)
