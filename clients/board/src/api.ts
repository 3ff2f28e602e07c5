import { createContext, useContext } from "react";
import { createClient, type CountersignClient } from "@countersign/web";

export const ClientContext = createContext<CountersignClient | null>(null);

let fallback: CountersignClient | null = null;

export function useApi(): CountersignClient {
  return useContext(ClientContext) ?? (fallback ??= createClient());
}
