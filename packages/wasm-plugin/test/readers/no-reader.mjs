export const openReader = () => null;
