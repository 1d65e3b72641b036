// Where a node wants to know whose console this is.
import { useEffect, useRef, useState } from "preact/hooks";
import { showToken } from "./client";
import { refresh } from "./store";
import { Button, Field } from "./ui";

export function TokenDialog() {
  const box = useRef<HTMLDialogElement>(null);
  const [token, setToken] = useState("");
  useEffect(() => box.current!.showModal(), []);
  const show = (e: Event): void => {
    e.preventDefault();
    showToken(token.trim());
    void refresh();
  };
  return (
    <dialog ref={box} aria-labelledby="token-title" onCancel={(e) => e.preventDefault()}>
      <form onSubmit={show}>
        <h2 id="token-title">This node asks for a token</h2>
        <Field label="Token" secret value={token} onInput={setToken} hint="parley token NAME RIGHTS makes one. It is kept until this tab is closed." autofocus />
        <div class="actions">
          <span class="gap" />
          <Button type="submit" kind="primary" disabled={!token.trim()}>Go on</Button>
        </div>
      </form>
    </dialog>
  );
}
