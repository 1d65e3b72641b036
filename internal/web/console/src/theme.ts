// Light or dark: as the system has it, unless somebody says otherwise.
import { useEffect, useState } from "preact/hooks";

export type Theme = "system" | "light" | "dark";
const all: Theme[] = ["system", "light", "dark"];

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>((localStorage.getItem("parley.theme") as Theme | null) ?? "system");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("parley.theme", theme);
  }, [theme]);
  return [theme, () => setTheme(all[(all.indexOf(theme) + 1) % all.length]!)];
}
