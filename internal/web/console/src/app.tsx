// The console: where to look, and what is looked at.
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { Events } from "./events";
import { Health } from "./health";
import { Sessions } from "./sessions";
import { tokenNeeded } from "./client";
import { TokenDialog } from "./token";
import { begin, following, go, place, trouble } from "./store";
import { Icon, type IconName } from "./ui";
import { useTheme } from "./theme";

const rooms: Array<[path: string, name: string, icon: IconName, key: string]> = [
  ["/sessions", "Sessions", "sessions", "s"],
  ["/events", "Events", "events", "e"],
  ["/health", "Health", "health", "h"],
];

function App() {
  const [theme, nextTheme] = useTheme();
  useEffect(() => {
    // g and then a letter leads to a room, as in many programs.
    let leading = false;
    const keys = (e: KeyboardEvent): void => {
      if ((e.target as HTMLElement).closest("input, textarea, dialog") || e.ctrlKey || e.metaKey || e.altKey) return;
      const room = leading && rooms.find((r) => r[3] === e.key);
      leading = e.key === "g";
      if (room) go(room[0]);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, []);
  const at = rooms.find(([path]) => place.value.startsWith(path))?.[0] ?? "/sessions";
  const ok = following.value && !trouble.value;
  return (
    <>
      <nav aria-label="Rooms">
        <a class="brand" href="#/sessions" aria-label="Parley">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path class="one" d="M3 6h17v11H11l-5 4v-4H3z" />
            <path class="two" d="M12 19h8l2-2V11h7v12h-3v4l-5-4h-9z" />
          </svg>
          <span>Parley</span>
        </a>
        {rooms.map(([path, name, icon, key]) => (
          <a href={`#${path}`} aria-current={path === at ? "page" : undefined} title={`${name} (g ${key})`}>
            <Icon name={icon} />
            <span>{name}</span>
          </a>
        ))}
        <a href="/docs" title="The API">
          <Icon name="docs" />
          <span>API</span>
        </a>
        <span class="gap" />
        <button type="button" class="theme" onClick={nextTheme} aria-label={`Colours: ${theme}`} title={`Colours: ${theme}`}>
          <Icon name="theme" />
          <span>{theme}</span>
        </button>
        <span class={`link-state ${ok ? "on" : "off"}`} role="status">
          <span class="dot established" aria-hidden="true" />
          <span>{ok ? "connected" : "not connected"}</span>
        </span>
      </nav>
      {tokenNeeded.value && <TokenDialog />}
      <main>{at === "/events" ? <Events /> : at === "/health" ? <Health /> : <Sessions />}</main>
    </>
  );
}

begin();
render(<App />, document.body);
