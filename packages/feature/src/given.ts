/**
 * A configuration without the fields that are undefined: those that were left out. A feature passes it on as options
 * that have their own defaults.
 */
export function given<Config extends object>(config: Config): { [K in keyof Config]: Exclude<Config[K], undefined> } {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as never;
}
