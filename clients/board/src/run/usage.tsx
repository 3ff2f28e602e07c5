import type { ExecutionStatus } from "@countersign/web";
import type { ReactNode } from "react";
import { count } from "../texts";

type UsageData = ExecutionStatus["usage"];
type Spent = Pick<UsageData, "tokens" | "at_least" | "cost" | "price_unknown">;

/** Tokens and cost so far, by phase and by model. */
export function Usage({ usage }: { usage: UsageData }): ReactNode {
  if (usage.tokens === 0) return null;
  return (
    <section className="panel" aria-labelledby="usage">
      <h2 id="usage">Usage</h2>
      <p>{spent(usage)}</p>
      <table className="usage">
        <caption className="unseen">Usage by phase and by model</caption>
        <thead>
          <tr>
            <th scope="col">phase or model</th>
            <th scope="col">tokens</th>
            <th scope="col">cost</th>
          </tr>
        </thead>
        <tbody>
          {usage.by_phase.map((each) => (
            <Line key={`phase ${each.phase}`} name={each.phase} used={each} />
          ))}
          {usage.by_model.map((each) => (
            <Line key={`model ${each.model}`} name={each.model} used={each} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Line({ name, used }: { name: string; used: Spent }): ReactNode {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        {used.at_least && "≥ "}
        {used.tokens.toLocaleString()}
      </td>
      <td>{used.cost === null ? "unknown" : dollars(used.cost)}</td>
    </tr>
  );
}

function spent(used: Spent): string {
  const tokens = `${used.at_least ? "at least " : ""}${count(used.tokens, "token")}`;
  if (used.cost === null) return `${tokens}, cost unknown.`;
  const rest = used.price_unknown.length > 0 ? `, without ${used.price_unknown.join(", ")}` : "";
  return `${tokens}, ${dollars(used.cost)}${rest}.`;
}

function dollars(amount: number): string {
  return amount > 0 && amount < 0.01 ? `$${amount.toPrecision(1)}` : `$${amount.toFixed(2)}`;
}
