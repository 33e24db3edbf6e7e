import { compile, explain } from "@torchopt/torchopt";
import * as w4 from "./workloads/w4.ts";
console.log(Object.keys(w4), compile, explain);
