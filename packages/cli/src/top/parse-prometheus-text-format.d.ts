declare module "parse-prometheus-text-format" {
  /** Families of samples, in the order of the text. @throws Error for a text that is none */
  export default function parse(text: string): {
    name: string;
    metrics: { labels?: Record<string, string>; value: string }[];
  }[];
}
