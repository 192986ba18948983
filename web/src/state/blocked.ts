/** The people I block. */

import { useQuery } from "@tanstack/react-query";
import { value } from "@carrier/client";

import { api } from "../carrier";

export function useBlocked() {
  return useQuery({ queryKey: ["blocked"], queryFn: async () => value(await api.GET("/users/me/blocks")).items, staleTime: 60_000 });
}
