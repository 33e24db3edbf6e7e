import { assertEquals } from "@std/assert";
import { missingNames } from "../../scripts/doc_names.ts";

Deno.test("deno doc shows every public name", async () => {
  assertEquals(await missingNames(decodeURI(new URL("../../", import.meta.url).pathname)), []);
});
