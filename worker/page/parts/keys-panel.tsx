/** The `?` panel: which keys do something on this page, and a switch that turns them off. */
import { isKeyboardOn, keys, switchKeyboard } from "../state/keys.ts";
import { Dialog } from "./dialog.tsx";
import { WhereFrom } from "./text.tsx";

export function KeysPanel({ close }: { readonly close: () => void }) {
  const shown = new Map(keys.value.map(({ keys, does }) => [keys, does]));
  return (
    <Dialog title="Keys and help" close={close}>
      <table>
        <tbody>
          {[...shown].map(([key, does]) => (
            <tr key={key}>
              <th scope="row">
                {key.split(" ").map((part) => (
                  <kbd key={part}>{part}</kbd>
                ))}
              </th>
              <td>{does}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label class="check">
        <input
          type="checkbox"
          checked={isKeyboardOn.value}
          onChange={(event) => switchKeyboard(event.currentTarget.checked)}
        />
        Single keys do something
      </label>
      <p class="muted">
        <WhereFrom />
      </p>
    </Dialog>
  );
}
