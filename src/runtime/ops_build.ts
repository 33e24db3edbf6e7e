export interface BuildOptions {
  force?: boolean;
}
export interface BuildResult {
  path: string;
}
export function buildOps(): void {}
