declare module "parse-prometheus-text-format" {
  // biome-ignore lint/suspicious/noExplicitAny: the library has no types; the test says what it reads.
  export default function parsePrometheus(text: string): any[];
}
